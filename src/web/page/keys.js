// SPDX-License-Identifier: MIT
// KeyboardEvent.code, which is a position on the keyboard and not a letter, to the KEY_ codes of
// linux/input-event-codes.h: the guest applies its own layout.

const table = {};

function row(first, names) {
  names.split(' ').forEach((name, i) => {
    if (name !== '-') {
      table[name] = first + i;
    }
  });
}

row(1, 'Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace');
row(15, 'Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft');
row(30, 'KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash');
row(44, 'KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space CapsLock');
row(59, 'F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock Numpad7 Numpad8 Numpad9 NumpadSubtract');
row(75, 'Numpad4 Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal');
row(86, 'IntlBackslash F11 F12 IntlRo - - Convert KanaMode NonConvert');
row(96, 'NumpadEnter ControlRight NumpadDivide PrintScreen AltRight - Home ArrowUp PageUp ArrowLeft ArrowRight');
row(107, 'End ArrowDown PageDown Insert Delete - AudioVolumeMute AudioVolumeDown AudioVolumeUp Power NumpadEqual');
row(119, 'Pause - NumpadComma Lang1 Lang2 IntlYen MetaLeft MetaRight ContextMenu BrowserStop Again Props Undo');
row(132, 'Select Copy Open Paste Find Cut Help');
row(142, 'Sleep WakeUp');
row(158, 'BrowserBack BrowserForward');
row(163, 'MediaTrackNext MediaPlayPause MediaTrackPrevious MediaStop');
row(172, 'BrowserHome BrowserRefresh');
row(183, 'F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24');
Object.assign(table, {
  LaunchMail: 155, LaunchApp2: 140, LaunchApp1: 157, BrowserSearch: 217, BrowserFavorites: 156,
  Eject: 161, NumpadParenLeft: 179, NumpadParenRight: 180, Lang3: 90, Lang4: 91, Lang5: 85, Fn: 464,
});

// Returns the code, or 0 if Linux has none.
export function keyCode(code) {
  return table[code] || 0;
}

// MouseEvent.button -> BTN_LEFT and so on.
const buttons = [0x110, 0x112, 0x111, 0x113, 0x114];

export function buttonCode(button) {
  return buttons[button] || 0;
}
