-- title: 在院人数（按医院、日期）
-- param from = 2000-01-01 (date): 日期起
-- param to = 2100-01-01 (date): 日期止（不含）
-- param least = 1 (whole): 在院人数下限
WITH change AS (
    SELECT m.fixmedins_code, CAST(m.begntime AS DATE) AS day, 1 AS came, 0 AS went
    FROM mdtrt_d m
    WHERE m.vali_flag = '1' AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
    UNION ALL
    SELECT m.fixmedins_code, CAST(m.endtime AS DATE), 0, 1
    FROM mdtrt_d m
    WHERE m.vali_flag = '1' AND m.endtime IS NOT NULL AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
), daily AS (
    SELECT fixmedins_code, day, sum(came) AS came, sum(went) AS went FROM change GROUP BY fixmedins_code, day
), running AS (
    SELECT fixmedins_code, day, came, went,
           sum(came - went) OVER (PARTITION BY fixmedins_code ORDER BY day
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS in_hospital
    FROM daily
)
SELECT fixmedins_code, day, came AS admitted, went AS discharged, in_hospital
FROM running
WHERE day >= :from AND day < :to AND in_hospital >= :least
ORDER BY fixmedins_code, day
