-- the lines a settlement settled, in its own row: a row of settlement_line and two index entries less for every line.
-- Where setting 'history' is 'lines' they are written here; settlement_line keeps what was written before.
ALTER TABLE settlement ADD COLUMN lines TEXT;
-- what settlement_line keeps, whatever it is called: an older server, which would take lines that are settled here for
-- unsettled, no longer finds it once settlements are written so
CREATE VIEW settled_in_rows AS SELECT setl_id, feedetl_sn, mdtrt_id, line_commit, amount FROM settlement_line;
