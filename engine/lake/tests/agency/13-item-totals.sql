-- 项目费用排名及占比（原为 ratio_to_report，改写见说明）
SELECT f.med_list_codg, f.hilist_name, sum(f.cnt) AS cnt, sum(f.det_item_fee_sumamt) AS fee,
       round(sum(f.det_item_fee_sumamt) * 100 / sum(sum(f.det_item_fee_sumamt)) OVER (), 2) AS share,
       rank() OVER (ORDER BY sum(f.det_item_fee_sumamt) DESC) AS rk
FROM fee_list_d f
WHERE f.vali_flag = '1'
GROUP BY f.med_list_codg, f.hilist_name
ORDER BY rk
