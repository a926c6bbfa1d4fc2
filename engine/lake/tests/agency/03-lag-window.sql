-- 与上次出院的间隔
SELECT psn_no, mdtrt_id, begntime,
       trunc(begntime) - trunc(lag(endtime) OVER (PARTITION BY psn_no ORDER BY begntime)) AS days_since
FROM mdtrt_d
WHERE med_type = '21' AND vali_flag = '1' AND psn_no IN ('P01', 'P02', 'P03')
ORDER BY psn_no, begntime
