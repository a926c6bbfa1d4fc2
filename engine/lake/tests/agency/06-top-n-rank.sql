-- 每家医院费用最高的两次住院
SELECT * FROM (
    SELECT fixmedins_code, setl_id, medfee_sumamt,
           row_number() OVER (PARTITION BY fixmedins_code ORDER BY medfee_sumamt DESC, setl_id) AS rn
    FROM setl_d WHERE refd_setl_flag = '0' AND med_type = '21'
) t
WHERE rn <= 2
ORDER BY fixmedins_code, rn
