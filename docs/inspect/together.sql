-- title: 多次同日入院、同日出院的人员（结伴住院）
-- param times = 2 (whole): 至少几次
WITH stay AS (
    SELECT m.psn_no, m.fixmedins_code, CAST(m.begntime AS DATE) AS admitted, CAST(m.endtime AS DATE) AS discharged
    FROM mdtrt_d m
    WHERE m.vali_flag = '1' AND m.endtime IS NOT NULL
      AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
)
SELECT a.psn_no, b.psn_no AS other_psn_no, count(*) AS times, count(DISTINCT a.fixmedins_code) AS hospitals,
       min(a.admitted) AS first_day, max(a.discharged) AS last_day
FROM stay a
JOIN stay b ON b.fixmedins_code = a.fixmedins_code AND b.admitted = a.admitted AND b.discharged = a.discharged
           AND b.psn_no > a.psn_no
GROUP BY a.psn_no, b.psn_no
HAVING count(*) >= :times
ORDER BY times DESC, a.psn_no, b.psn_no
