"""The closing report of a shift, as it is printed and kept."""

from dianka.desk.office.vending import paper
from dianka.desk.office.vending.models import Shift, ShiftCount
from dianka.desk.office.vending.shift_sums import (
    count_voids,
    list_pending,
    list_refunds,
    sum_moves,
    sum_sales,
)
from dianka.money import signed_yuan

METHOD_NAMES = {"notes": "现金", "card": "银行卡", "mobile": "手机", "transfer": "转账"}
_ACT_NAMES = {
    "sale": "售电",
    "refund": "退费",
    "reversal": "冲正",
    "hand-over": "上缴",
    "sale void": "作废退还",
}
HEAD = "链头"


def format_report(shift: Shift, receiver: str) -> str:
    """Return the report of a shift that has its closing act and its counts."""
    assert shift.closing is not None
    blocks: list[str | list[str]] = [
        paper.center("班次结账报告"),
        "",
        paper.spread("编号", f"{shift.desk.name} {shift.number}"),
        paper.spread("操作员", shift.operator),
        paper.spread("开班", paper.format_local(shift.opening.time)),
        paper.spread("结班", paper.format_local(shift.closing.time)),
        "",
        *_list_methods(shift),
        *_list_sales(shift),
        "",
        paper.spread("收款人", receiver or "无"),
        paper.spread(HEAD, f"{shift.closing.number} {shift.closing.hash.hex()[:32]}"),
    ]
    return paper.join(blocks)


def _list_methods(shift: Shift) -> list[str | list[str]]:
    moves, blocks = sum_moves(shift), []
    for row in ShiftCount.objects.filter(shift=shift, closing=True).order_by("id"):
        own = [moved for moved in moves if moved.method == row.method]
        if not own and not row.counted_fen and not row.expected_fen:
            continue
        blocks.append(f"[{METHOD_NAMES.get(row.method, row.method)}]")
        if row.method == "notes":
            blocks.append(paper.spread("  备用金", signed_yuan(shift.float_fen)))
        for moved in sorted(own, key=lambda each: (each.kind, -each.fen)):
            name = f"  {_ACT_NAMES.get(moved.kind, moved.kind)} {moved.number}"
            blocks.append(paper.spread(name, signed_yuan(moved.fen)))
        found = {
            "应有": row.expected_fen,
            "实点": row.counted_fen,
            "长短款": row.counted_fen - row.expected_fen,
            "上缴": row.handed_fen,
            "留存": row.counted_fen - row.handed_fen,
        }
        blocks += [paper.spread(f"  {name}", signed_yuan(fen)) for name, fen in found.items()]
        if row.pieces:
            blocks.append(paper.fold(f"  {row.pieces}"))
    return blocks


def _list_sales(shift: Shift) -> list[str | list[str]]:
    sales, refunds = sum_sales(shift), list(list_refunds(shift))
    span = f"{sales['first']}-{sales['last']}" if sales["number"] else "无"
    pending = ", ".join(map(str, list_pending(shift)))
    return [
        "",
        paper.spread("售电笔数", str(sales["number"])),
        paper.spread("收据号", span),
        paper.spread("退费", _list_receipts([each for each in refunds if not each.reversal])),
        paper.spread("冲正", _list_receipts([each for each in refunds if each.reversal])),
        paper.spread("作废笔数", str(count_voids(shift))),
        paper.spread("未完成的售电", pending or "无"),
    ]


def _list_receipts(refunds: list) -> str:
    return ", ".join(str(each.receipt) for each in refunds) or "无"
