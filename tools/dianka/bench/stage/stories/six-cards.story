# All six kinds of card at one meter: the factory's tests, the installer's set-up, the resident, a lost card, the inspector, and
# the way back to the factory. Energy costs 0.50 yuan/kWh; the meter shows test credit, then real credit, and never both.

say "The utility's cards. The system control card stays at the desk; all the others are sealed by it."
desk: card issue control control.card
desk: card issue test test.card --uses 1
desk: card issue test-credit credit.card --amount 1.00 --uses 1
desk: card issue init init.card --meter 1 --alarm1 1.00 --alarm2 0.50 --overdraft 0.50 --price 0.5000 --time 2026-01-05T08:00
desk: card issue keys keys.card --uses 2
desk: card issue restore restore.card --uses 1
desk: card issue inspection inspection.card
desk: card issue user resident.card --meter 1 --customer 1 --alarm1 1.00 --alarm2 0.50 --price 0.5000

say "The production line: relay, segments, pulses, memory, clock and ESAM. The tester sees all segments and presses the key."
set clock               # as flashing has done
mains on
load 2.2 kW
wait 10 s
insert test.card
expect display "8.8.8.8.8.8.8.8." within 8 s
expect relay closed
wait 1 s
press key
expect display "donE" within 25 s
expect relay open
pull card
wait 6 s

say "The card was for one meter. It is used up."
insert test.card
expect display "Err-34" within 5 s
pull card
wait 6 s

say "A little test credit closes the relay. The keys do not go in while it is there: nobody takes it home."
insert init.card
expect display "no000001" within 5 s
pull card
wait 6 s
insert credit.card
expect display "1.00" within 5 s
expect relay closed within 8 s
pull card
wait 6 s
insert keys.card
expect display "Err-32" within 5 s
pull card
wait 6 s

say "So the installer initialises it again: the wallet is empty. Then the utility's own keys."
insert init.card
expect display "no000001" within 5 s
pull card
expect relay open within 8 s
expect display "0.00" within 8 s
insert keys.card
expect display "donE" within 5 s
pull card
wait 6 s
insert credit.card
expect display "Err-32" within 5 s
pull card
wait 6 s

say "The system control card belongs to the desk. The meter says so with a code of its own."
insert control.card
expect display "Err-37" within 5 s
pull card
wait 6 s

say "The resident buys 5.00 yuan, and loses the card."
desk: sell resident.card 5.00
insert resident.card
expect display "5.00" within 5 s
expect relay closed within 8 s
pull card
wait 6 s

say "The inspector's card copies everything and shows all pages. It changes nothing."
load 0 W
wait 1 s
insert inspection.card
expect display contains "5.00" within 5 s
expect display contains "P" within 6 s
expect display contains "no" within 30 s
pull card
wait 20 s
expect relay closed
expect display contains "5.00"
desk: card show inspection.card
desk: log read inspection.card 1.log
desk: log check 1.log

say "The meter goes back to the factory: public keys. The resident's card is refused until it has its own again."
insert restore.card
expect display "donE" within 5 s
pull card
wait 6 s
insert resident.card
expect display "Err-32" within 5 s
pull card
wait 6 s
insert keys.card
expect display "donE" within 5 s
pull card
wait 6 s
insert resident.card
expect display "rEAd" within 1 s
expect display contains "5.00" within 5 s
pull card
