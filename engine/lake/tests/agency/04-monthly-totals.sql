-- 各医院按月结算人次与费用
SELECT to_char(setl_time, 'yyyymm') AS ym, fixmedins_code, count(*) AS rc, count(DISTINCT psn_no) AS rs,
       sum(medfee_sumamt) AS zfy, sum(fund_pay_sumamt) AS tc, round(sum(fund_pay_sumamt) / sum(medfee_sumamt) * 100, 2) AS zb
FROM setl_d
WHERE setl_time >= to_date('2025-01-01', 'yyyy-mm-dd') AND setl_time < to_date('2025-07-01', 'yyyy-mm-dd')
  AND vali_flag = '1' AND refd_setl_flag = '0'
GROUP BY to_char(setl_time, 'yyyymm'), fixmedins_code
ORDER BY 1, 2
