// MyST numbers every displayed equation. A number that nothing refers to is noise: number only the
// equations that have a label.
const plugin = {
  name: 'Number only the equations that have a label',
  transforms: [
    {
      name: 'number-labelled-equations',
      stage: 'document',
      plugin: (_, utils) => (tree) => {
        for (const node of utils.selectAll('math', tree)) {
          if (!node.identifier && !node.label) node.enumerated = false;
        }
      },
    },
  ],
};
export default plugin;
