-- Version 7 of vain.db: what the server keeps of its rules (one JSON body by kind and name): rules that people made, what
-- fires now, silences, and up to which notification each channel has told.

CREATE TABLE kept (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
