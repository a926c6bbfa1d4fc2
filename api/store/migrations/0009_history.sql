-- what later claims see of a settlement, in its own row: a row of history_line and an index entry less for every line.
-- Where setting 'history' is 'settlement' it is written here; history_line keeps what was written before.
ALTER TABLE settlement ADD COLUMN history TEXT;
-- the newest time in it
ALTER TABLE settlement ADD COLUMN history_until TEXT;
