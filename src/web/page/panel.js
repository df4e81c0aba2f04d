// SPDX-License-Identifier: MIT
// A panel beside the picture that a tool opens and closes. One is open at a time.

let current = null;

export class Panel {
  // `onOpen` fills it, before anything of it is drawn.
  constructor(button, panel, onOpen = () => {}) {
    Object.assign(this, {button, panel, onOpen});
    button.ariaExpanded = 'false';
    button.setAttribute('aria-controls', panel.id);
    button.addEventListener('click', event => this.open(panel.hidden, event.detail === 0));
    panel.querySelector('.close').addEventListener('click', () => this.open(false, true));
    panel.addEventListener('keydown', event => {
      if (event.key === 'Escape') {
        event.preventDefault();
        this.open(false, true);
      }
    });
  }

  // `byKey`: the focus goes along.
  open(open, byKey = false) {
    if (open && current && current !== this) {
      current.open(false);
    }
    current = open ? this : null;
    this.panel.hidden = !open;
    this.button.ariaExpanded = String(open);
    if (open) {
      this.onOpen();
    }
    if (byKey) {
      (open ? this.panel.querySelector('input, button:not(.close)') || this.panel : this.focusTarget()).focus();
    }
  }

  // The tool, or the menu that it is in.
  focusTarget() {
    return this.button.offsetWidth > 0 ? this.button : document.getElementById('more');
  }
}
