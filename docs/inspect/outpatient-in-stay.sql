-- title: 住院期间发生门诊、购药
-- param from = 2000-01-01 (date): 门诊日期起
-- param to = 2100-01-01 (date): 门诊日期止（不含）
WITH stay AS (
    SELECT m.psn_no, m.mdtrt_id, m.fixmedins_code, CAST(m.begntime AS DATE) AS admitted, CAST(m.endtime AS DATE) AS discharged
    FROM mdtrt_d m
    WHERE m.vali_flag = '1' AND m.endtime IS NOT NULL
      AND substr(m.med_type, 1, 2) IN ('21', '22', '23', '24', '28', '52', '71')
), visit AS (
    SELECT s.psn_no, s.setl_id, s.mdtrt_id, s.fixmedins_code, s.med_type, s.begndate AS day, s.medfee_sumamt, s.fund_pay_sumamt
    FROM setl_d s
    WHERE s.refd_setl_flag = '0' AND substr(s.med_type, 1, 2) NOT IN ('21', '22', '23', '24', '28', '52', '71')
      AND s.begndate >= :from AND s.begndate < :to
)
SELECT v.psn_no, t.mdtrt_id AS stay_mdtrt_id, t.fixmedins_code AS stay_fixmedins_code, t.admitted, t.discharged,
       v.setl_id, v.mdtrt_id, v.fixmedins_code, v.med_type, v.day, v.medfee_sumamt, v.fund_pay_sumamt
FROM visit v
-- the days of admission and discharge are not counted: a visit before or after the stay is usual on them
JOIN stay t ON t.psn_no = v.psn_no AND v.day > t.admitted AND v.day < t.discharged
ORDER BY v.psn_no, v.day, v.setl_id, t.mdtrt_id
