-- inspectors ask by time, and by hospital and time
CREATE INDEX settlement_by_time ON settlement (setl_time);
CREATE INDEX settlement_of_institution ON settlement (fixmedins_code, setl_time);
