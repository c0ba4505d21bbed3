# A meter in use with a set of cards, for the live screen: set up, opened, 20.00 yuan on the card in hand.

desk: card issue control control.card
desk: card issue init init.card --meter 1 --alarm1 5.00 --alarm2 2.00 --overdraft 1.00 --price 0.5000 --time 2026-01-05T08:00
desk: card issue keys keys.card --uses 1
desk: card issue user resident.card --meter 1 --customer 1 --alarm1 5.00 --alarm2 2.00 --price 0.5000
desk: sell resident.card 20.00
set clock               # as flashing has done
mains on
wait 5 s
insert init.card
wait 10 s
pull card
wait 2 s
insert keys.card
wait 10 s
pull card
wait 2 s
load 2.2 kW
