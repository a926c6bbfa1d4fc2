-- 连续住院分段
WITH t AS (
    SELECT psn_no, mdtrt_id, begntime, endtime,
           CASE WHEN begntime - lag(endtime) OVER (PARTITION BY psn_no ORDER BY begntime) <= 3 THEN 0 ELSE 1 END AS flag
    FROM mdtrt_d WHERE med_type = '21' AND vali_flag = '1' AND endtime IS NOT NULL
), g AS (
    SELECT t.*, sum(flag) OVER (PARTITION BY psn_no ORDER BY begntime) AS grp FROM t
)
SELECT psn_no, grp, min(begntime) AS b, max(endtime) AS e, count(*) AS n
FROM g GROUP BY psn_no, grp HAVING count(*) > 1
ORDER BY psn_no, grp
