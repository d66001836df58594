import { button } from "./lib.js";

function render({ model, el }) {
  el.append(button(model.get("text"), () => {}));
}
export default { render };
