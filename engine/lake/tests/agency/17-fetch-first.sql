-- 费用最高的三张单据（原为 rownum <= 3，改写见说明）
SELECT setl_id, medfee_sumamt, dense_rank() OVER (ORDER BY medfee_sumamt DESC) AS dr
FROM setl_d WHERE refd_setl_flag = '0'
ORDER BY medfee_sumamt DESC, setl_id
FETCH FIRST 3 ROWS ONLY
