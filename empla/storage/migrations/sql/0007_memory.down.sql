DROP TABLE empla.memory_working, empla.memory_procedural, empla.memory_semantic, empla.memory_episodes;
