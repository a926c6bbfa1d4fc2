-- 小计合计
SELECT nvl(fixmedins_code, '合计') AS hosp, nvl(med_type, '小计') AS lb, count(*) AS n, sum(medfee_sumamt) AS fee
FROM setl_d WHERE refd_setl_flag = '0'
GROUP BY ROLLUP (fixmedins_code, med_type)
ORDER BY grouping(fixmedins_code), hosp, grouping(med_type), lb
