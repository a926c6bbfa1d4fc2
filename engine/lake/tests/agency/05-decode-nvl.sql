-- 医疗类别名称
SELECT decode(med_type, '21', '普通住院', '11', '普通门诊', '41', '定点药店购药', '其他') AS lb,
       count(*) AS n, sum(nvl(acct_pay, 0)) AS acct, nvl(max(init_setl_id), '-') AS refund_of
FROM setl_d
GROUP BY decode(med_type, '21', '普通住院', '11', '普通门诊', '41', '定点药店购药', '其他')
ORDER BY n DESC
