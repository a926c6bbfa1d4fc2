-- 同一人同一医院出院 15 天内再次住院
SELECT a.psn_no, a.fixmedins_code, a.mdtrt_id, b.mdtrt_id AS next_id, trunc(b.begntime) - trunc(a.endtime) AS gap_days
FROM mdtrt_d a, mdtrt_d b
WHERE a.psn_no = b.psn_no AND a.fixmedins_code = b.fixmedins_code AND a.mdtrt_id <> b.mdtrt_id
  AND a.vali_flag = '1' AND b.vali_flag = '1' AND a.med_type = '21' AND b.med_type = '21'
  AND trunc(b.begntime) - trunc(a.endtime) BETWEEN 0 AND 15
ORDER BY 1, 3
