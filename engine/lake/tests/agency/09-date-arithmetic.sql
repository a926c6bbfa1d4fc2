-- 加减天、月，月份差
SELECT mdtrt_id, begntime + 30 AS plus30, trunc(endtime) - 1 AS day_before, add_months(begntime, 1) AS next_month,
       last_day(begntime) AS month_end, round(months_between(endtime, begntime), 4) AS months, endtime - begntime AS days
FROM mdtrt_d
WHERE psn_no = 'P03'
ORDER BY mdtrt_id
