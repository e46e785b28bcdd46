import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { emptyVenue } from "../../ipc/fake/seed";
import { NOW } from "../../test/now";
import { changesOf, draftOf, fieldsOf, type SettingsDraft, settingsSchema } from "./settingsForm";

const { settings } = emptyVenue(NOW);
const good = draftOf(settings);

function faults(draft: Partial<SettingsDraft>): string[] {
  return v.safeParse(settingsSchema, { ...good, ...draft }).issues?.map((issue) => issue.message) ?? [];
}

describe("the settings' form", () => {
  test.each<[Partial<SettingsDraft>, string[]]>([
    [{}, []],
    [{ logoUrl: "https://example.org/logo.svg" }, []],
    [{ lowFirst: "10", lowSecond: "0:00:30" }, []],
    [{ siteName: " " }, ["settings.faultName"]],
    [{ logoUrl: "logo" }, ["settings.faultUrl"]],
    [{ timezone: "Mars/Base" }, ["settings.faultZone"]],
    [{ currency: "EURO" }, ["settings.faultCurrency"]],
    [{ operationalDayStart: "24:00" }, ["settings.faultTime"]],
    [{ maxOccupancy: "0" }, ["settings.faultOccupancy"]],
    [{ maxOccupancy: "100001" }, ["settings.faultOccupancy"]],
    [{ maxOccupancy: "12.5" }, ["settings.faultOccupancy"]],
    [{ autoRelease: "24:01" }, ["settings.faultDuration"]],
    [{ creditValidDays: "-1" }, ["settings.faultDays"]],
    [{ lowFirst: "1", lowSecond: "1" }, ["settings.faultOrder"]],
  ])("%j: %j", (draft, expected) => {
    expect(faults(draft)).toEqual(expected);
  });

  test.each(["6", "6:00", " 06:00 "])("the day may start at %j", (operationalDayStart) => {
    expect(faults({ operationalDayStart })).toEqual([]);
    expect(fieldsOf({ ...good, operationalDayStart }).operationalDayStart).toBe("06:00");
  });

  test("untouched settings have no changes, changed ones only their own", () => {
    expect(changesOf(settings, fieldsOf(good))).toEqual({});
    const changed = fieldsOf({ ...good, maxOccupancy: "80", lowSecond: "2", logoUrl: "" });
    expect(changesOf(settings, changed)).toEqual({ maxOccupancy: 80, lowTimeSeconds: [300, 120] });
  });
});
