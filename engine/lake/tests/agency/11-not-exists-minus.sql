-- 有门诊而从未住院的人
SELECT DISTINCT psn_no FROM mdtrt_d WHERE med_type = '11'
MINUS
SELECT psn_no FROM mdtrt_d WHERE med_type = '21'
ORDER BY psn_no
