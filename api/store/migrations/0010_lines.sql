-- the lines a settlement settled, in its own row: a row of settlement_line and two index entries less for every line.
-- Where setting 'history' is 'lines' they are written here; settlement_line keeps what was written before.
ALTER TABLE settlement ADD COLUMN lines TEXT;
