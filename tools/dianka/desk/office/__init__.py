"""The office: what the desk knows of people, meters and money, in one database.

    opening     open an office: configure Django for its folder, check the database, refuse
                what is newer or not safe
    founding    make a new one, with its first manager
    people      who works here, in which roles and with which rights; sign-ins, second persons
    audit       one chain of acts for each desk: each act's hash covers the one before it
    ledger      double entry in fen, append-only; the daily proof
    estate      areas, premises, meters, and what each meter said
    customers   customers, contracts, tariffs; search
    cards       the register of cards; batches
    vending     sales from intent to receipt, refunds, shifts, limits
    statistics  sums, reports, charts, suspects
    sheets      xlsx and csv in and out
    figures     offices made up in bulk, and what is measured on them
    guards      what the database itself refuses
    checking    audit, ledger and sales read whole, each fault named
    backup      copies of an office, opened before they are believed; dumps makes PostgreSQL's
    upgrading   an office of an older version brought to this one

Nothing here may be imported before `opening.open_office`, but for opening, founding, backup and
upgrading: Django's models want its settings first. The browser's pages will stand on these
modules, as the commands in dianka.desk.cli.office.app do.
"""
