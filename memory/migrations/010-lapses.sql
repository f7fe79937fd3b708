-- Readers who drift away, and what was tried.
SELECT 1;
