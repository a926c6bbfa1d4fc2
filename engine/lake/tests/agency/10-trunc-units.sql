-- 按季度、按周
SELECT trunc(setl_time, 'q') AS quarter, trunc(setl_time, 'iw') AS week, to_char(setl_time, 'yyyy"年"q"季"') AS words, count(*) AS n
FROM setl_d
WHERE refd_setl_flag = '0' AND setl_time < to_date('2025-04-15 00:00:00', 'yyyy-mm-dd hh24:mi:ss')
GROUP BY trunc(setl_time, 'q'), trunc(setl_time, 'iw'), to_char(setl_time, 'yyyy"年"q"季"')
ORDER BY 1, 2
