"""The schema revision this code is written for."""

HEAD = "0009"
