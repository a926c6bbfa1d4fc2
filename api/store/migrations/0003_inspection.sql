-- what inspectors asked: one row when a query begins to read, one when it ends; never changed
CREATE TABLE inspection (
    commit_no BIGINT PRIMARY KEY,
    at        TEXT NOT NULL,
    who       TEXT NOT NULL,
    named     TEXT NOT NULL,
    sql_hash  TEXT NOT NULL,
    sql_text  TEXT NOT NULL,
    as_of     BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    ms        BIGINT NOT NULL,
    result    TEXT NOT NULL
);
