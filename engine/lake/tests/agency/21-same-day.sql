-- 同日同时在两家以上机构就诊
SELECT psn_no, to_char(begntime, 'yyyy-mm-dd') AS day, count(DISTINCT fixmedins_code) AS hosps,
       wm_concat(fixmedins_code) AS list
FROM mdtrt_d WHERE vali_flag = '1'
GROUP BY psn_no, to_char(begntime, 'yyyy-mm-dd')
HAVING count(DISTINCT fixmedins_code) > 1
ORDER BY 1, 2
