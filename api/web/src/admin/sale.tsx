// Opening, pausing and closing a sale. What cannot be undone takes a second step, in the page.
import { ask, tagOf, type Round, type RoundStatus } from "../api";
import { Button, Outcome, useDeed } from "../pages/forms";
import { t, type Word } from "../words";

export function StatusPill({ status, canceled }: { status: RoundStatus; canceled: boolean }) {
  const shown = canceled ? "canceled" : status;
  return <span class={"pill " + shown}>{t(("status." + shown) as Word)}</span>;
}

interface Props {
  round: number;
  status: RoundStatus;
  canceled: boolean;
  version?: number; // with it, the round may be deleted
  changed: () => void;
}

export function SaleButtons({ round, status, canceled, version, changed }: Props) {
  const deed = useDeed();
  const act = (verb: "open" | "pause" | "close" | "cancel") => void deed.run(async () => {
    const { body } = await ask<Round>("POST", `/admin/rounds/${round}/${verb}`);
    changed();
    return t(("status." + (body.canceled ? "canceled" : body.status)) as Word);
  });
  const drop = () => void deed.run(async () => {
    await ask("DELETE", "/admin/rounds/" + round, { match: await tagOf("/rounds/" + round, version) });
    changed();
  });
  const busy = deed.busy.value;
  return (
    <>
      <div class="notice-actions">
        <Button class="secondary open" off={busy || canceled || status === "open" || status === "closed"} onClick={() => act("open")}>{t("sale.open")}</Button>
        <Button class="secondary pause" off={busy || canceled || status !== "open"} onClick={() => act("pause")}>{t("sale.pause")}</Button>
      </div>
      {!canceled && (
        <details class="final">
          <summary>{t("sale.final")}</summary>
          <p class="hint">{t("sale.final.lead")}</p>
          <div class="notice-actions">
            <Button class="secondary close" off={busy || status === "closed"} onClick={() => act("close")}>{t("sale.close")}</Button>
            <Button class="secondary cancel" off={busy} onClick={() => act("cancel")}>{t("sale.cancel")}</Button>
            {version !== undefined && <Button class="secondary drop" off={busy} onClick={drop}>{t("sale.delete")}</Button>}
          </div>
        </details>
      )}
      <Outcome deed={deed} />
    </>
  );
}
