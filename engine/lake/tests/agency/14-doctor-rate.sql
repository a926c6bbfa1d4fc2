-- 医师检查率（整数相除改为乘 1.0，见说明）
SELECT bilg_dr_code, count(DISTINCT mdtrt_id) AS visits,
       count(DISTINCT CASE WHEN med_list_codg = 'TEST' THEN mdtrt_id END) AS with_test,
       round(count(DISTINCT CASE WHEN med_list_codg = 'TEST' THEN mdtrt_id END) * 1.0 / count(DISTINCT mdtrt_id), 2) AS rate,
       sum(CASE WHEN med_list_codg = 'TEST' THEN cnt ELSE 0 END) AS tests
FROM fee_list_d
WHERE bilg_dr_code IS NOT NULL AND vali_flag = '1'
GROUP BY bilg_dr_code
ORDER BY bilg_dr_code
