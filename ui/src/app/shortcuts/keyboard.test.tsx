import { act, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { scan } from "../../test/openApp";
import { listenToKeyboard } from "./keyboard";

const heard = { onScan: vi.fn(), onLoneKey: vi.fn(), onAltDigit: vi.fn() };
let stop: () => void;
beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  stop = listenToKeyboard(heard);
});
afterEach(() => stop());

function Amount() {
  const [text, setText] = useState("12");
  return <input aria-label="amount" value={text} onChange={(event) => setText(event.target.value)} />;
}

describe("the keyboard", () => {
  test("gives a scan away before any widget sees its Enter", () => {
    const onKeyDown = vi.fn();
    render(<button type="button" onKeyDown={onKeyDown} />);
    scan("B-104-7", screen.getByRole("button"));
    expect(heard.onScan).toHaveBeenCalledExactlyOnceWith("B-104-7");
    expect(onKeyDown.mock.calls.map(([event]) => event.key)).not.toContain("Enter");
  });

  test("a short code is a scan too where nobody types, and presses nothing", () => {
    const onKeyDown = vi.fn();
    render(<button type="button" onKeyDown={onKeyDown} />);
    scan("B-104", screen.getByRole("button"));
    expect(heard.onScan).toHaveBeenCalledExactlyOnceWith("B-104");
    expect(onKeyDown.mock.calls.map(([event]) => event.key)).not.toContain("Enter");
  });

  test("takes out of a field what the scanner typed into it", () => {
    render(<Amount />);
    const field = screen.getByRole<HTMLInputElement>("textbox");
    act(() => {
      field.dispatchEvent(new KeyboardEvent("keydown", { key: "B", bubbles: true }));
    });
    fireEvent.change(field, { target: { value: "12B" } });
    act(() => {
      for (const key of ["-", "1", "0", "4", "2", "Enter"]) {
        field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      }
    });
    expect(heard.onScan).toHaveBeenCalledExactlyOnceWith("B-1042");
    expect(field).toHaveValue("12");
  });

  test("a digit on its own is a shortcut, the first of a scan is none", () => {
    fireEvent.keyDown(document.body, { key: "3" });
    vi.advanceTimersByTime(200);
    expect(heard.onLoneKey).toHaveBeenCalledExactlyOnceWith("3");
    scan("300421");
    vi.advanceTimersByTime(200);
    expect(heard.onLoneKey).toHaveBeenCalledOnce();
    expect(heard.onScan).toHaveBeenCalledExactlyOnceWith("300421");
  });

  test("what is typed into a field is never a shortcut, with Alt it is", () => {
    render(<Amount />);
    fireEvent.keyDown(screen.getByRole("textbox"), { key: "3" });
    vi.advanceTimersByTime(200);
    expect(heard.onLoneKey).not.toHaveBeenCalled();
    fireEvent.keyDown(screen.getByRole("textbox"), { key: "3", code: "Digit3", altKey: true });
    expect(heard.onAltDigit).toHaveBeenCalledExactlyOnceWith(3);
  });

  test("chords of the machine are left alone", () => {
    fireEvent.keyDown(document.body, { key: "r", ctrlKey: true });
    vi.advanceTimersByTime(200);
    expect(heard.onLoneKey).not.toHaveBeenCalled();
  });
});
