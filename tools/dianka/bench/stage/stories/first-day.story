# The first day of a meter, from the installer's ladder to the resident's second purchase.
# Energy costs 0.50 yuan/kWh; at 6.6 kW that is 3.30 yuan an hour, so each yuan lasts 18 min 11 s.

say "The utility makes its system control card, and with it the cards that the installer takes along."
desk: card issue control control.card
desk: card issue init init.card --meter 1 --alarm1 1.00 --alarm2 0.50 --overdraft 0.50 --price 0.5000 --time 2026-01-05T08:00
desk: card issue keys keys.card --uses 1
set clock               # as flashing has done
say "An installer powers a new meter. It knows no number, no price and only the public keys: nobody gets electricity from it."
mains on
expect display "0.00" within 10 s
expect relay open

say "The initialisation card gives it number, tariff and limits; the master-key change card brings the utility's own keys."
insert init.card
expect display "no000001" within 5 s
pull card
wait 5 s
insert keys.card
expect display "donE" within 5 s
pull card
wait 5 s
insert init.card        # works with public keys alone: from now on nobody resets this meter with it
expect display "Err-32" within 5 s
pull card
wait 5 s

say "A card that the meter can't read, and one put in the wrong way round, change nothing."
insert metal plate
expect display "Err-32" within 5 s
pull card
wait 8 s
expect relay open

say "The desk opens an account and sells 2.00 yuan."
desk: card issue user resident.card --meter 1 --customer 1 --alarm1 1.00 --alarm2 0.50 --price 0.5000
desk: sell resident.card 2.00
insert resident.card upside down
expect display "Err-32" within 5 s
expect display "tUrn 1t" within 6 s      # turn it
expect relay open
pull card
wait 8 s
expect display "0.00"

say "The resident puts the card in: the old balance, the new balance, and the lights go on."
insert resident.card
expect display "rEAd" within 1 s
expect display "0.00" within 3 s
expect display "2.00" within 3 s
expect relay closed within 2 s
pull card
wait 10 s
expect display "2.00"
expect lamp alarm off

say "Cooking and heating, 6.6 kW: the balance goes down until the lamp says: buy electricity."
load 6.6 kW
wait 3 min
expect display "1.83" within 10 s
wait until display "1.00" within 20 min
expect lamp alarm on within 2 s
expect relay closed

say "At the second alarm the supply is cut: a warning that cannot be overlooked. Putting the card in brings it back."
wait until relay open within 12 min
expect display "0.50" within 5 s
insert resident.card
expect relay closed within 10 s
wait 5 s
pull card

say "At zero it is cut again. The card brings it back once more, on the overdraft that the utility grants."
wait until relay open within 12 min
expect display "0.00" within 5 s
insert resident.card
expect relay closed within 10 s
wait 5 s
pull card
wait 2 min
expect lamp overdraft on
expect relay closed
expect display "-0.11"

say "The mains fail for an hour. Not a fen is lost, and the lights come back by themselves."
mains off
wait 1 h
expect display ""
mains on
expect display "-0.11" within 3 s
expect relay closed

say "At the overdraft limit the supply is cut for good: the card alone no longer helps."
wait until relay open within 15 min
expect display "-0.50" within 2 s
load 0 W
insert resident.card
wait 15 s
expect relay open
pull card
wait 2 s

say "The resident buys 3.00 yuan. The overdraft is paid first, what is left is credit."
desk: sell resident.card 3.00
insert resident.card
expect display "rEAd" within 1 s
expect display "-0.50" within 3 s
expect display "2.50" within 3 s
expect relay closed within 5 s
pull card
expect lamp overdraft off
expect lamp alarm off

say "The same card again credits nothing: a purchase is good only once."
wait 2 s
insert resident.card
expect display "rEAd" within 1 s
expect display "2.50" within 3 s
wait 15 s
expect display "2.50"
expect relay closed
pull card
