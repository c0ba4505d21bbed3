# A resident asks the meter where the money went, by its one key, and reads a receipt out over the phone.

desk: card issue control control.card
desk: card issue init init.card --meter 1 --alarm1 5.00 --alarm2 2.00 --overdraft 1.00 --price 0.5000 --time 2026-01-05T08:00
desk: card issue keys keys.card --uses 1
desk: card issue user resident.card --meter 1 --customer 1 --alarm1 5.00 --alarm2 2.00 --price 0.5000
desk: sell resident.card 20.00
set clock               # as flashing has done
mains on
wait 5 s
insert init.card
expect display "no000001" within 10 s
pull card
wait 5 s
insert keys.card
expect display "donE" within 10 s
pull card
wait 5 s
insert resident.card
expect display "20.00" within 5 s
pull card
wait 8 s

say "The first afternoon takes 2 kWh, in the evening the mains is off; after midnight there is half a kWh more."
load 2 kW
wait 61 min
load 0 W
mains off
wait 15 h
mains on
wait 15 s
load 1 kW
wait 31 min
load 0 W
expect display "18.73" within 2 s

say "The pages: days left at the use of the day before, this month, last month."
press key
expect display "E    2.54"
press key
press key
expect display "dAy   18"
press key
expect display "n0   2.54"
press key
expect display "n1    --"

say "The key held for a second: the statement. The purchase first, then the days, the newest first."
press key for 1300 ms
expect display "26-01-05"
expect display "bn     1" within 3 s
expect display "b   20.00" within 3 s
press key
expect display "26-01-06"
expect display "E    0.51" within 3 s
expect display "C    0.26" within 3 s
press key
expect display "26-01-05"
expect display "E    2.03" within 3 s
expect display "C    1.01" within 3 s
press key
expect display "26-01-04"
expect display "E     --" within 3 s
wait 31 s
expect display "18.73"

say "The receipt over the phone: two halves of five digits."
press key
press key
press key
press key
press key
press key
press key
press key
press key
expect display contains "r1 " within 4 s
expect display contains "r2 " within 4 s

say "A card put in the wrong way round: what it is, its code, and what to do."
insert resident.card upside down
expect display "Err-32" within 5 s
expect display "CodE   4" within 4 s
expect display "tUrn 1t" within 4 s
pull card
