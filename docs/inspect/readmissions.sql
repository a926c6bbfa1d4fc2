-- title: 同院同病出院后再入院（按医院、病种）
-- param from = 2000-01-01 (date): 出院日期起
-- param to = 2100-01-01 (date): 出院日期止（不含）
-- param days = 15 (whole): 出院到再入院最多间隔的天数
-- param least = 5 (whole): 医院该病种出院人次下限
WITH stay AS (
    SELECT m.mdtrt_id, m.psn_no, m.fixmedins_code, substr(m.dscg_maindiag_code, 1, 3) AS disease,
           CAST(m.begntime AS DATE) AS admitted, CAST(m.endtime AS DATE) AS discharged
    FROM mdtrt_d m
    WHERE m.vali_flag = '1' AND m.endtime IS NOT NULL
      AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
), back AS (
    SELECT a.mdtrt_id, min(b.admitted - a.discharged) AS gap
    FROM stay a
    JOIN stay b ON b.psn_no = a.psn_no AND b.fixmedins_code = a.fixmedins_code AND b.disease = a.disease
               AND b.mdtrt_id <> a.mdtrt_id AND b.admitted >= a.discharged AND b.discharged > a.discharged
               AND b.admitted - a.discharged <= :days
    GROUP BY a.mdtrt_id
)
SELECT s.fixmedins_code, s.disease, count(*) AS discharges, count(b.mdtrt_id) AS readmissions,
       round(100.0 * count(b.mdtrt_id) / count(*), 2) AS rate_percent, min(b.gap) AS shortest_gap
FROM stay s LEFT JOIN back b ON b.mdtrt_id = s.mdtrt_id
WHERE s.discharged >= :from AND s.discharged < :to
GROUP BY s.fixmedins_code, s.disease
HAVING count(b.mdtrt_id) > 0 AND count(*) >= :least
ORDER BY rate_percent DESC, readmissions DESC, s.fixmedins_code, s.disease
