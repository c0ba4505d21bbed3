"""The names of all reports, what each shows and what it takes: known before an office is open."""

_PERIOD = "--from --to"
LISTED = {
    "sales": ("what was sold", f"{_PERIOD} --by hour|day|month|desk|operator|area|method|tariff"),
    "operators": ("refunds, voids, reversals and reprints by operator", _PERIOD),
    "energy": ("what was used, as receipts show it", f"{_PERIOD} --by month|day|area|tariff"),
    "transit": ("money on its way to the meters, by age", ""),
    "balance": ("money in the meters, by area", ""),
    "not-bought": ("who has not bought for n days", "--days"),
    "days-left": ("whose credit will end within n days", "--days"),
    "loss": ("loss of each area against its feeder meter", "--month"),
    "suspects": ("places that should be visited", "--month"),
    "hit-rate": ("what inspections found, by rule", _PERIOD),
}
