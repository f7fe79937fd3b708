-- Visits, clicks and what brought people.
SELECT 1;
