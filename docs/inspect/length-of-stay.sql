-- title: 住院天数偏离同级同病种
-- param least = 10 (whole): 医院该病种出院人次下限
-- param ratio = 1.3 (number): 平均住院日达到同级其他医院的几倍
WITH stay AS (
    SELECT m.fixmedins_code, m.dedc_hosp_lv AS level, substr(m.dscg_maindiag_code, 1, 3) AS disease, m.ipt_days AS days
    FROM mdtrt_d m
    WHERE m.vali_flag = '1' AND m.endtime IS NOT NULL AND m.dscg_maindiag_code IS NOT NULL
      AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
), own AS (
    SELECT fixmedins_code, level, disease, count(*) AS n, sum(days) AS days
    FROM stay GROUP BY fixmedins_code, level, disease
), peers AS (
    SELECT level, disease, sum(n) AS n, sum(days) AS days, count(*) AS hospitals FROM own GROUP BY level, disease
)
SELECT o.fixmedins_code, o.level, o.disease, o.n AS discharges, round(1.0 * o.days / o.n, 2) AS average_days,
       round(1.0 * (p.days - o.days) / (p.n - o.n), 2) AS peers_average_days, p.hospitals - 1 AS peers,
       round(1.0 * o.days * (p.n - o.n) / (o.n * (p.days - o.days)), 2) AS ratio
FROM own o JOIN peers p ON p.disease = o.disease AND p.level = o.level
WHERE o.n >= :least AND p.n > o.n AND p.days > o.days
  AND 1.0 * o.days * (p.n - o.n) >= :ratio * o.n * (p.days - o.days)
ORDER BY ratio DESC, o.fixmedins_code, o.disease
