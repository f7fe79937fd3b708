-- Experiments: who was shown what, and what came of it.
SELECT 1;
