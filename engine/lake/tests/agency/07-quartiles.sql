-- 住院天数四分位
SELECT fixmedins_code, count(*) AS n, percentile_cont(0.25) WITHIN GROUP (ORDER BY ipt_days) AS q1,
       median(ipt_days) AS q2, percentile_cont(0.75) WITHIN GROUP (ORDER BY ipt_days) AS q3
FROM mdtrt_d
WHERE med_type = '21' AND endtime IS NOT NULL AND vali_flag = '1'
GROUP BY fixmedins_code
ORDER BY fixmedins_code
