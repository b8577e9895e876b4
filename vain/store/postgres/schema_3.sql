-- Version 3: what servers share beside the store.
SELECT 1;
