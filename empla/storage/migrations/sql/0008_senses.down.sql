ALTER TABLE empla.memory_episodes DROP CONSTRAINT episodes_observation_fkey;
DROP TABLE empla.observations;
