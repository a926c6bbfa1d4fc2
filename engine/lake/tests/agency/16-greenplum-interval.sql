-- Greenplum 写法
SELECT a.psn_no, a.mdtrt_id, b.mdtrt_id AS next_id, b.begntime::date - a.endtime::date AS days
FROM mdtrt_d a JOIN mdtrt_d b USING (psn_no)
WHERE a.med_type = '21' AND b.med_type = '21' AND b.begntime >= a.endtime
  AND b.begntime - a.endtime <= interval '5 days'
  AND a.begntime >= '2025-01-01'::timestamp
ORDER BY psn_no, a.mdtrt_id
