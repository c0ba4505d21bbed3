"""The office: what the desk knows of people, meters and money, in one database.

    opening     open an office: configure Django for its folder, check the database, refuse
                what is newer or not safe
    founding    make a new one, with its first manager
    people      who works here, and in which roles
    audit       one chain of acts for each desk: each act's hash covers the one before it
    ledger      double entry in fen, append-only; the daily proof
    estate      areas, premises, meters
    customers   customers and their accounts, from opening to the last fen; search
    sheets      xlsx and csv, in and out
    figures     generated estates to measure on
    checking    audit and ledger read whole, each fault named
    backup      copies of a SQLite office, opened before they are believed

Nothing here may be imported before `opening.open_office`, but for opening and founding: Django's
models want its settings first. The browser's pages will stand on these modules, as the commands in
dianka.desk.cli.office.app do.
"""
