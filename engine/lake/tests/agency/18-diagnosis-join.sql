-- 主要诊断分类
SELECT substr(d.diag_code, 1, 3) AS lb, count(DISTINCT d.setl_id) AS n, sum(s.medfee_sumamt) AS fee,
       round(avg(s.medfee_sumamt), 2) AS avg_fee, stddev(s.medfee_sumamt) IS NOT NULL AS many
FROM setl_list_diag_d d JOIN setl_d s ON s.setl_id = d.setl_id
WHERE d.maindiag_flag = '1' AND s.med_type = '21' AND s.refd_setl_flag = '0'
GROUP BY substr(d.diag_code, 1, 3)
ORDER BY n DESC, lb
