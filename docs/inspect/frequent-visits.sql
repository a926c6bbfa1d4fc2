-- title: 频繁门诊、购药（按人、月）
-- param from = 2000-01-01 (date): 日期起
-- param to = 2100-01-01 (date): 日期止（不含）
-- param visits = 15 (whole): 一个月内的次数下限
WITH visit AS (
    SELECT s.psn_no, s.mdtrt_id, s.fixmedins_code, s.begndate AS day, date_trunc('month', s.begndate) AS month,
           s.medfee_sumamt, s.fund_pay_sumamt, s.acct_pay
    FROM setl_d s
    WHERE s.refd_setl_flag = '0' AND substr(s.med_type, 1, 2) NOT IN ('21', '22', '23', '24', '28', '52', '71')
      AND s.begndate >= :from AND s.begndate < :to
)
SELECT psn_no, CAST(month AS DATE) AS month, count(*) AS visits, count(DISTINCT day) AS days,
       count(DISTINCT fixmedins_code) AS institutions, sum(medfee_sumamt) AS medfee_sumamt,
       sum(fund_pay_sumamt) AS fund_pay_sumamt, sum(acct_pay) AS acct_pay
FROM visit
GROUP BY psn_no, month
HAVING count(*) >= :visits
ORDER BY visits DESC, psn_no, month
