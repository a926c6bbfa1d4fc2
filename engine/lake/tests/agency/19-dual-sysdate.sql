-- 常量、当前日期
SELECT to_char(sysdate, 'yyyy-mm-dd') AS today, trunc(sysdate, 'mm') AS month_start, trunc(sysdate) - to_date('20251201', 'yyyymmdd') AS days,
       nvl2(null, 'a', 'b') AS n2, instr('H46902600001', '469') AS at, to_number('12.50') * 2 AS num, trunc(12.789, 2) AS cut,
       lpad('7', 3, '0') AS padded, 'a' || 'b' AS joined
FROM dual
