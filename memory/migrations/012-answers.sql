-- Answers of readers: mentions, mails, surveys.
SELECT 1;
