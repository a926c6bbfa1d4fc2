-- 住过多家医院的人
SELECT psn_no, listagg(DISTINCT fixmedins_code, ',') WITHIN GROUP (ORDER BY fixmedins_code) AS hospitals, count(*) AS n
FROM mdtrt_d
WHERE med_type = '21' AND vali_flag = '1'
GROUP BY psn_no
HAVING count(DISTINCT fixmedins_code) >= 2
ORDER BY psn_no
