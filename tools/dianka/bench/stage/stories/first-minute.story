# The first day of a meter in one minute, for runners that are slower than time: the emulated chip's CPU is 20 times as slow.
# Energy costs 300.00 yuan/kWh; at 2.2 kW a yuan lasts 5.5 s.

say "The utility's cards: system control, initialisation, keys, and a resident's with 1.30 yuan on it."
desk: card issue control control.card
desk: card issue init init.card --meter 1 --alarm1 1.00 --alarm2 0.50 --overdraft 0.50 --price 300.0000 --time 2026-01-05T08:00
desk: card issue keys keys.card --uses 1
desk: card issue user resident.card --meter 1 --customer 1 --alarm1 1.00 --alarm2 0.50 --price 300.0000
desk: sell resident.card 1.30

say "A new meter: nobody gets electricity from it. Its self-check finds memory, chip, ESAM, clock and relay in order."
set clock               # as flashing has done
mains on
expect display contains "00000" within 5 s
expect relay open

say "The initialisation card gives it number, tariff and limits; the key change card the utility's own keys."
insert init.card
expect display "no000001" within 5 s
pull card
wait 500 ms
insert keys.card
expect display "donE" within 5 s
pull card
wait 500 ms

say "The resident's card: the account is opened, 1.30 yuan are credited, the lights go on."
insert resident.card
expect display "rEAd" within 1 s
expect relay closed within 4 s
expect display "1.30" within 4 s
pull card
expect lamp alarm off

say "Cooking and heating: first the lamp says buy electricity, then the supply is cut; the card brings it back."
load 2.2 kW
wait until lamp alarm on within 12 s
expect relay closed
wait until relay open within 7 s
expect display contains "0.4" within 3 s
insert resident.card
expect relay closed within 6 s
pull card
wait 500 ms

say "The mains fail for an hour, and come back; the lights with them. Not a fen is lost."
mains off
wait 1 h
expect display ""
mains on
expect relay closed within 3 s

say "At zero the supply is cut. The resident buys 3.00 yuan, and the card credits them once."
wait until relay open within 7 s
expect lamp overdraft on within 500 ms
desk: sell resident.card 3.00
insert resident.card
expect display contains "2." within 5 s
expect relay closed within 5 s
expect lamp overdraft off
pull card
wait 500 ms
insert resident.card
expect display "rEAd" within 1 s
wait 3 s
pull card

say "Mains and supply are gone at this very instant. What was committed stands, and the relay has stayed closed."
cut power
expect relay closed
mains on
expect display contains "00000" within 5 s
expect relay closed
load 0 W
wait 1 s
